"""Speed and memory, measured side by side with what else does the same work."""
