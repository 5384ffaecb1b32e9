"""The fast forms: torch's own calls for groups of tensors, products and compiling.

Every private call of torch stands here, with a plain form beside it that does the same in public
ones. The plain form takes its place where a torch has no such call; tests hold the two together.
"""
