"""A real local server that speaks the OpenAI APIs, plays scripted turns at a set speed, and fails as scripted."""
