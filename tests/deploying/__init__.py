"""What platforms are given: image, manifests, action; parsed, rendered, and run as commands."""
