"""The logo of a site: found, weighed, made safe, and the icon beside it."""
