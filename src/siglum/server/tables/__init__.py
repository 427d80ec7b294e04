"""The table of routes in parts, by what they are about; `server.routes` puts them together."""
