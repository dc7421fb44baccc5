"""What the pages that are recorded share: style, script, and how a page is put together of its parts."""
