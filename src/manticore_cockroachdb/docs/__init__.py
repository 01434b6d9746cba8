"""Documentation of a schema: values in, HTML, Markdown, Mermaid and SVG out.

`gather` asks a server for a `document.Document`; everything else is pure, and the same document
always gives the same text.
"""
