"""A browser's name for people, from what it says of itself.

Example::

    browser("Mozilla/5.0 (X11; Linux x86_64) … Firefox/128.0")     # "Firefox on Linux"
"""

# Each says that it is those below it as well
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
    "Python": "Python",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def first(known: dict[str, str], agent: str) -> str:
    return next((name for mark, name in known.items() if mark in agent), "")


def browser(agent: str) -> str:
    program, system = first(BROWSERS, agent), first(SYSTEMS, agent)
    if not program:
        return agent[:40] or "Unknown browser"
    return f"{program} on {system}" if system else program
