"""ks-bench studio: a real ks-studio process over loopback, as its page sees it."""
