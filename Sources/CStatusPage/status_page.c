// #embed (C23, clang 19) reads a file where the compiler would read its numbers: 100 kB in 30 ms, as constants that are
// mapped from the executable when somebody asks for them, and built anew whenever a file changes.
#include "status_page.h"

static const uint8_t index_html[] = {
#embed "Files/index.html"
};
static const uint8_t page_css[] = {
#embed "Files/page.css"
};
static const uint8_t charts_js[] = {
#embed "Files/charts.js"
};
static const uint8_t feed_js[] = {
#embed "Files/feed.js"
};
static const uint8_t page_js[] = {
#embed "Files/page.js"
};
static const uint8_t icon_svg[] = {
#embed "Files/icon.svg"
};

static const struct status_page_file files[] = {
    {"index.html", "text/html; charset=utf-8", index_html, sizeof index_html},
    {"page.css", "text/css; charset=utf-8", page_css, sizeof page_css},
    {"charts.js", "text/javascript; charset=utf-8", charts_js, sizeof charts_js},
    {"feed.js", "text/javascript; charset=utf-8", feed_js, sizeof feed_js},
    {"page.js", "text/javascript; charset=utf-8", page_js, sizeof page_js},
    {"icon.svg", "image/svg+xml", icon_svg, sizeof icon_svg},
};

const struct status_page_file *status_page_file_at(size_t number) {
    return number < sizeof files / sizeof files[0] ? &files[number] : 0;
}
