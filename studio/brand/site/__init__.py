"""A brand read from outside: a website, a saved page, a folder, a ZIP."""
