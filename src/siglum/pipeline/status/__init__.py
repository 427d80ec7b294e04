"""Why a stage is out of date, or not: what was recorded against what is there now."""
