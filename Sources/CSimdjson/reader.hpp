#pragma once
// What both readers share: one padded buffer, one parser, and the strict reading of scalars.

#define SIMDJSON_EXCEPTIONS 0
// The library's assertions about its own state are for builds that look for mistakes in it.
#if defined(__OPTIMIZE__) && !defined(NDEBUG)
#define NDEBUG 1
#endif
#include <simdjson.h>

#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "simdjson_shim.h"

namespace ejs {

namespace od = simdjson::ondemand;

// The document is parsed between brackets that stand in the buffer around it. The root then always
// is an array, which spares the special cases (and 1 kB of copying) that on-demand has for scalar
// documents; one element is one document.
constexpr size_t kOpening = 1, kClosing = 1;

inline ejs_status status_of(simdjson::error_code error) noexcept {
    switch (error) {
        case simdjson::SUCCESS: return EJS_OK;
        case simdjson::CAPACITY: return EJS_TOO_LARGE;
        case simdjson::MEMALLOC: return EJS_NO_MEMORY;
        case simdjson::DEPTH_ERROR: return EJS_TOO_DEEP;
        case simdjson::UTF8_ERROR: return EJS_NOT_UTF8;
        case simdjson::UNINITIALIZED:
        case simdjson::UNSUPPORTED_ARCHITECTURE:
        case simdjson::PARSER_IN_USE: return EJS_INTERNAL;
        default: return EJS_SYNTAX;
    }
}

class Source {
public:
    ejs_status allocate(size_t maximum_bytes, size_t maximum_depth) noexcept {
        const size_t whole = maximum_bytes + kOpening + kClosing;
        buffer_.reset(new (std::nothrow) char[whole + simdjson::SIMDJSON_PADDING]);
        if (!buffer_) return EJS_NO_MEMORY;
        maximum_bytes_ = maximum_bytes;
        // More levels than the content may have: the brackets, the one that on-demand counts for the
        // document, and the ones that it enters before it is told to stop.
        return status_of(parser_.allocate(whole, maximum_depth + 4));
    }

    // Copies the document in and finds its tokens (UTF-8 and quotes are checked here).
    ejs_status open(const void *bytes, size_t count, od::document &document) noexcept {
        if (count > maximum_bytes_) return EJS_TOO_LARGE;
        char *text = buffer_.get();
        text[0] = '[';
        if (count > 0) std::memcpy(text + kOpening, bytes, count);
        text[kOpening + count] = ']';
        const size_t whole = kOpening + count + kClosing;
        std::memset(text + whole, 0, simdjson::SIMDJSON_PADDING);
        return status_of(
            parser_.iterate(text, whole, whole + simdjson::SIMDJSON_PADDING).get(document));
    }

    // Whether the outer brackets were closed by our own one: content that closes them itself has
    // more after it.
    static bool is_at_end(od::document &document) noexcept {
        return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    }

    const char *content() const noexcept { return buffer_.get() + kOpening; }

private:
    std::unique_ptr<char[]> buffer_;
    size_t maximum_bytes_ = 0;
    od::parser parser_;
};

inline bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// The value's text without the white space after it.
inline std::string_view token_of(od::value &value) noexcept {
    std::string_view token = value.raw_json_token();
    while (!token.empty()) {
        const char last = token.back();
        if (last != ' ' && last != '\n' && last != '\r' && last != '\t') break;
        token.remove_suffix(1);
    }
    return token;
}

// Whether the whole token is a number as RFC 8259 spells it.
inline bool is_number(std::string_view token) noexcept {
    const char *p = token.data(), *end = p + token.size();
    if (p < end && *p == '-') p++;
    if (p == end || !is_digit(*p)) return false;
    if (*p == '0') p++;
    else while (p < end && is_digit(*p)) p++;
    if (p < end && *p == '.') {
        p++;
        if (p == end || !is_digit(*p)) return false;
        while (p < end && is_digit(*p)) p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        if (p == end || !is_digit(*p)) return false;
        while (p < end && is_digit(*p)) p++;
    }
    return p == end;
}

}  // namespace ejs
