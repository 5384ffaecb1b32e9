"""The arms, drawn with primitive shapes."""
