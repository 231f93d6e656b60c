"""A web page as its visitor sees it: its tree, its style sheets, what wins, what that looks like."""
