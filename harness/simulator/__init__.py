"""A real local HTTP server that speaks the OpenAI API and plays scripted turns at a set speed."""
