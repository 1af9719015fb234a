// Plain-text numbers: from_chars knows no locale and allocates nothing, but it also takes what this
// must not (nan) and refuses what this must take (a plus sign), so the grammar is checked here.

#include <charconv>
#include <cstring>

#include "simdjson_shim.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool equals_ignoring_case(const char *bytes, size_t count, const char *lower) {
    if (std::strlen(lower) != count) return false;
    for (size_t i = 0; i < count; i++) {
        if ((bytes[i] | 0x20) != lower[i]) return false;
    }
    return true;
}

ejs_status ejs_parse_decimal(const char *bytes, size_t count, double *number) {
    const char *p = bytes, *end = bytes + count;
    const bool has_sign = p < end && (*p == '+' || *p == '-');
    const bool is_negative = has_sign && *p == '-';
    if (has_sign) p++;
    const char *digits = p;
    const size_t rest = static_cast<size_t>(end - p);
    if (equals_ignoring_case(p, rest, "nan") || equals_ignoring_case(p, rest, "inf") ||
        equals_ignoring_case(p, rest, "infinity")) {
        return EJS_NOT_FINITE;
    }
    size_t mantissa = 0;
    while (p < end && is_digit(*p)) p++, mantissa++;
    if (p < end && *p == '.') {
        p++;
        while (p < end && is_digit(*p)) p++, mantissa++;
    }
    if (mantissa == 0) return EJS_SYNTAX;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        if (p == end) return EJS_SYNTAX;
        while (p < end && is_digit(*p)) p++;
        if (!is_digit(p[-1])) return EJS_SYNTAX;
    }
    if (p != end) return EJS_SYNTAX;

    double magnitude = 0;
    const std::from_chars_result result = std::from_chars(digits, end, magnitude);
    if (result.ec == std::errc::result_out_of_range) {
        // Too small is zero, too large is not a number that anyone measured. from_chars does not
        // say which; the text does: a value below 1 has a negative decimal exponent.
        long exponent = 0, place = 0;
        bool is_zero = true;
        const char *q = digits;
        for (bool after_point = false; q < end && (is_digit(*q) || *q == '.'); q++) {
            if (*q == '.') { after_point = true; continue; }
            if (*q != '0') is_zero = false;
            if (!is_zero && !after_point) place++;
            if (is_zero && after_point) place--;
        }
        if (q < end) std::from_chars(q[1] == '+' ? q + 2 : q + 1, end, exponent);
        if (exponent == 0 && q < end) exponent = q[1] == '-' ? -1000000 : 1000000;  // overflowed
        if (!is_zero && place + exponent > 0) return EJS_NOT_FINITE;
        magnitude = 0;
    } else if (result.ec != std::errc() || result.ptr != end) {
        return EJS_SYNTAX;
    }
    *number = is_negative ? -magnitude : magnitude;
    return EJS_OK;
}
