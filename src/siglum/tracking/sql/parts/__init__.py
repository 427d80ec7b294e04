"""The store in parts, by what they are about; `tracking.sql.store` puts them together."""
