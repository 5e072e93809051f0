"""Every option: declared once, resolved from all layers, shown with its source."""
