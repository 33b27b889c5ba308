"""The commands of `fastdrop`; `fastdrop/__main__.py` declares and starts them."""
