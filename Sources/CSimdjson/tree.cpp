// A whole document as a flat list of nodes.

#include <vector>

#include "reader.hpp"

struct ejs_tree {
    ejs::Source source;
    std::vector<ejs_tree_node> nodes;
    const char *location = nullptr;  // the token being read, for errors
};

namespace ejs {
namespace {

void append(ejs_tree &tree, ejs_tree_kind kind, std::string_view text = {}) {
    ejs_tree_node node{};
    node.kind = kind;
    node.text = text.data();
    node.length = static_cast<uint32_t>(text.size());
    tree.nodes.push_back(node);
}

// An integer if it is spelled as one and fits; -0 stays a double, which has a sign for it.
bool as_integer(std::string_view token, int64_t &integer) noexcept {
    const bool negative = token[0] == '-';
    uint64_t magnitude = 0;
    for (size_t i = negative; i < token.size(); i++) {
        if (!is_digit(token[i])) return false;
        const uint64_t digit = static_cast<uint64_t>(token[i] - '0');
        if (magnitude > (UINT64_MAX - digit) / 10) return false;
        magnitude = magnitude * 10 + digit;
    }
    if (negative && magnitude == 0) return false;
    const uint64_t limit = static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0);
    if (magnitude > limit) return false;
    integer = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
    return true;
}

ejs_status read_number(ejs_tree &tree, od::value &value, std::string_view token) {
    double number;
    const bool failed = value.get_double().get(number) != simdjson::SUCCESS;
    if (!is_number(token)) return EJS_SYNTAX;
    if (failed) return EJS_NUMBER_RANGE;
    int64_t integer;
    if (as_integer(token, integer)) {
        append(tree, EJS_TREE_INTEGER);
        tree.nodes.back().integer = integer;
    } else {
        append(tree, EJS_TREE_DOUBLE);
        tree.nodes.back().number = number;
    }
    return EJS_OK;
}

ejs_status read(ejs_tree &tree, od::value &value, size_t depth) {
    const std::string_view token = token_of(value);
    tree.location = token.data();
    switch (token.empty() ? 0 : token[0]) {
        case '{': {
            if (depth == 0) return EJS_TOO_DEEP;
            const size_t index = tree.nodes.size();
            append(tree, EJS_TREE_OBJECT);
            od::object object;
            if (auto error = value.get_object().get(object)) return status_of(error);
            for (auto result : object) {
                od::field field;
                if (auto error = std::move(result).get(field)) return status_of(error);
                tree.location = field.key().raw();
                std::string_view key;
                if (auto error = field.unescaped_key().get(key)) return status_of(error);
                append(tree, EJS_TREE_STRING, key);
                if (auto status = read(tree, field.value(), depth - 1)) return status;
                tree.nodes[index].length += 1;
            }
            return EJS_OK;
        }
        case '[': {
            if (depth == 0) return EJS_TOO_DEEP;
            const size_t index = tree.nodes.size();
            append(tree, EJS_TREE_ARRAY);
            od::array array;
            if (auto error = value.get_array().get(array)) return status_of(error);
            for (auto result : array) {
                od::value element;
                if (auto error = std::move(result).get(element)) return status_of(error);
                if (auto status = read(tree, element, depth - 1)) return status;
                tree.nodes[index].length += 1;
            }
            return EJS_OK;
        }
        case '"': {
            std::string_view text;
            if (auto error = value.get_string().get(text)) return status_of(error);
            append(tree, EJS_TREE_STRING, text);
            return EJS_OK;
        }
        case 't':
        case 'f': {
            bool boolean;
            if (value.get_bool().get(boolean)) return EJS_SYNTAX;
            append(tree, boolean ? EJS_TREE_TRUE : EJS_TREE_FALSE);
            return EJS_OK;
        }
        case 'n': {
            bool null;
            if (value.is_null().get(null) || !null) return EJS_SYNTAX;
            append(tree, EJS_TREE_NULL);
            return EJS_OK;
        }
        case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7':
        case '8': case '9':
            return read_number(tree, value, token);
        default: return EJS_SYNTAX;
    }
}

ejs_status read_document(ejs_tree &tree, const void *bytes, size_t count, size_t maximum_depth) {
    if (auto status = tree.source.allocate(count, maximum_depth)) return status;
    od::document document;
    if (auto status = tree.source.open(bytes, count, document)) return status;
    od::array root;
    if (auto error = document.get_array().get(root)) return status_of(error);
    size_t documents = 0;
    for (auto result : root) {
        od::value value;
        if (auto error = std::move(result).get(value)) return status_of(error);
        tree.location = value.raw_json_token().data();
        if (documents++ == 1) return EJS_SYNTAX;
        if (auto status = read(tree, value, maximum_depth)) return status;
    }
    if (!Source::is_at_end(document)) return EJS_SYNTAX;
    return documents == 0 ? EJS_EMPTY : EJS_OK;
}

}  // namespace
}  // namespace ejs

ejs_tree *ejs_tree_create(const void *bytes, size_t count, size_t maximum_depth,
                          ejs_status *status, size_t *offset) {
    *offset = SIZE_MAX;
    std::unique_ptr<ejs_tree> tree(new (std::nothrow) ejs_tree);
    if (!tree) {
        *status = EJS_NO_MEMORY;
        return nullptr;
    }
    try {
        *status = ejs::read_document(*tree, bytes, count, maximum_depth);
    } catch (...) {  // only std::bad_alloc can come from the list of nodes
        *status = EJS_NO_MEMORY;
    }
    if (*status == EJS_OK) return tree.release();
    const char *content = tree->source.content();
    if (tree->location >= content && tree->location <= content + count) {
        *offset = static_cast<size_t>(tree->location - content);
    }
    return nullptr;
}

void ejs_tree_destroy(ejs_tree *tree) { delete tree; }

const ejs_tree_node *ejs_tree_nodes(const ejs_tree *tree, size_t *count) {
    *count = tree->nodes.size();
    return tree->nodes.data();
}
