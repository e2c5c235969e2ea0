"""A customer's outage: from what was recorded to what the document says of it, and to what explains it."""
