"""Texts that try to break out of HTML, attributes, scripts, JSON, styles, or plotly's templates."""

_SHAPES = (
    "<script>{0}</script>",
    "</script><script>{0}</script>",
    "</title><img src=x onerror={0}>",
    "<img src=x onerror='{0}'>",
    '"><svg onload={0}>',
    "' autofocus onfocus='{0}",
    "<a href='javascript:{0}'>x</a>",
    "</style><body onload={0}>",
    "<iframe srcdoc='<script>{0}</script>'></iframe>",
    "]]><script>{0}</script>",
    "<!--<script>{0}",
    "--><svg/onload={0}>",
    "%{{{0}}}<b>x</b>",
    "&lt;img src=x onerror={0}&gt;",
    "<math><mtext></table><img src onerror={0}>",
    "${{{0}}}",
    "<details open ontoggle={0}>",
    "</noscript><img src=x onerror={0}>",
    "\\u003cscript\\u003e{0}",
    "<meta http-equiv=refresh content='0;url=//example.org/{0}'>",
)
_CODES = ("hit=1", "window.hit=2", "alert(3)", "fetch(`//example.org/4`)", "top.hit=5", "eval(`hit=6`)")

PAYLOADS = tuple(shape.format(code) for code in _CODES for shape in _SHAPES)
