"""A robot and a learner on two computers that are one: network namespaces with a wire between."""
