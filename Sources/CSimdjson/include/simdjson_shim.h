#pragma once
// JSON through simdjson, in C. Two readers:
//
// - `ejs_payload`: values at paths compiled beforehand, for messages. Validates the whole document,
//   allocates nothing after `ejs_payload_prepare`.
// - `ejs_tree`: a whole document as a flat list of nodes, for files.
//
// No function throws or ends the process, whatever the bytes are. A reader belongs to one thread at
// a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    EJS_OK = 0,
    EJS_EMPTY,             // nothing but white space; for samples also an empty array
    EJS_TOO_LARGE,         // more bytes than the reader was made for
    EJS_TOO_DEEP,          // nested deeper than the reader was made for
    EJS_NOT_UTF8,
    EJS_SYNTAX,            // anything else that is not JSON, trailing content included
    EJS_NUMBER_RANGE,      // trees: a number beyond the range of a double
    EJS_NOT_FINITE,        // payloads: NaN or Infinity spelled out where a wanted value stands
    EJS_DUPLICATE_KEY,     // payloads: a key that leads to a wanted value stands there twice
    EJS_TOO_MANY_SAMPLES,
    EJS_WRONG_ROOT,        // payloads: the document is JSON, but no object (or array of objects)
    EJS_NO_MEMORY,
    EJS_INTERNAL,          // the library reported what it never should
} ejs_status;

// MARK: Payloads

typedef enum {
    EJS_ABSENT = 0,
    EJS_NUMBER,        // `number` is finite, `text` the token
    EJS_NUMBER_HUGE,   // a number beyond the range of a double; `text` is the token
    EJS_STRING,        // `text` is the content, unescaped
    EJS_NULL,
    EJS_OTHER,         // a boolean, an object or an array
} ejs_kind;

/// What stands at one path. `text` is valid until the reader's next document.
typedef struct {
    const char *text;
    double number;
    uint32_t length;
    uint32_t kind;  // ejs_kind
} ejs_reading;

typedef struct ejs_payload ejs_payload;

/// Makes a reader for documents up to these bounds. NULL: out of memory.
ejs_payload *ejs_payload_create(size_t maximum_bytes, size_t maximum_depth,
                                size_t maximum_samples);
void ejs_payload_destroy(ejs_payload *reader);

/// Adds the path of the next slot: `count` keys one after the other in `keys`, with their
/// `lengths`. No components: the document itself (a scalar). No path may be added twice, or lead
/// through another one. Before `ejs_payload_prepare`.
ejs_status ejs_payload_add_path(ejs_payload *reader, const char *keys, const size_t *lengths,
                                size_t count);

/// Allocates all that is needed for any document within the bounds.
ejs_status ejs_payload_prepare(ejs_payload *reader);

/// Reads one document. On EJS_OK `*samples` objects (1 for a scalar) are in `ejs_payload_readings`.
ejs_status ejs_payload_read(ejs_payload *reader, const void *bytes, size_t count,
                            size_t *samples);

/// The slots of the first sample, then those of the second, and so on, as `ejs_payload_read` left
/// them.
const ejs_reading *ejs_payload_readings(const ejs_payload *reader);

// MARK: Text scalars

/// Reads a decimal number that fills `bytes`, by the grammar [+-]digits[.digits][e[+-]digits],
/// digits on one side of the point at least. EJS_OK, EJS_NOT_FINITE (also for nan, inf, infinity in
/// any case), EJS_SYNTAX.
ejs_status ejs_parse_decimal(const char *bytes, size_t count, double *number);

// MARK: Trees

typedef enum {
    EJS_TREE_NULL = 0,
    EJS_TREE_FALSE,
    EJS_TREE_TRUE,
    EJS_TREE_INTEGER,
    EJS_TREE_DOUBLE,
    EJS_TREE_STRING,
    EJS_TREE_ARRAY,   // `length` elements follow
    EJS_TREE_OBJECT,  // `length` pairs of string and value follow
} ejs_tree_kind;

typedef struct {
    union {
        const char *text;
        int64_t integer;
        double number;
    };
    uint32_t length;
    uint32_t kind;  // ejs_tree_kind
} ejs_tree_node;

typedef struct ejs_tree ejs_tree;

/// Reads a document into nodes, depth first. `*status` says why there is none (NULL), `*offset` the
/// byte where, or SIZE_MAX if that is not known.
ejs_tree *ejs_tree_create(const void *bytes, size_t count, size_t maximum_depth,
                          ejs_status *status, size_t *offset);
void ejs_tree_destroy(ejs_tree *tree);
const ejs_tree_node *ejs_tree_nodes(const ejs_tree *tree, size_t *count);

#ifdef __cplusplus
}
#endif
