"""The tracking store on a database: schema, group commit, metric segments, search compiled to SQL."""
