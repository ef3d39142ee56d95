"""What each command does, and where the adapters meet; `cli` and `api` call it."""
