"""What the tests share: servers to run on, and the two colours."""
