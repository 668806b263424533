"""What the server tells about itself: requests and why they wait, metrics, the live view, the log."""
