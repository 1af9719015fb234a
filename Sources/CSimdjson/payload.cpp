// Values at paths compiled beforehand, for messages.

#include <charconv>
#include <string>
#include <vector>

#include "reader.hpp"

namespace ejs {
namespace {

// One component of one or more paths.
struct Node {
    std::string key;
    int64_t index = -1;     // the key as an array index, or -1
    int32_t slot = -1;      // where the value goes, or -1 for a component on the way
    std::vector<uint32_t> children;
    uint32_t expected = 0;  // the child that follows the one found last: senders keep their order
    uint64_t seen = 0;      // serial of the sample in which this key was last met
};

int64_t as_index(std::string_view key) noexcept {
    if (key.empty() || key.size() > 9 || (key[0] == '0' && key.size() > 1)) return -1;
    int64_t index = 0;
    for (char c : key) {
        if (!is_digit(c)) return -1;
        index = index * 10 + (c - '0');
    }
    return index;
}

}  // namespace
}  // namespace ejs

struct ejs_payload {
    ejs::Source source;
    size_t maximum_bytes = 0, maximum_depth = 0, maximum_samples = 0;
    std::vector<ejs::Node> nodes;  // [0] is the document
    uint32_t slots = 0;
    std::unique_ptr<ejs_reading[]> readings;
    ejs_reading *current = nullptr;  // the slots of the sample being read
    uint64_t serial = 0;
};

namespace ejs {
namespace {

Node *child_for_key(ejs_payload &reader, Node &parent, std::string_view key) noexcept {
    const uint32_t count = static_cast<uint32_t>(parent.children.size());
    uint32_t position = parent.expected;
    for (uint32_t tried = 0; tried < count; tried++) {
        if (position >= count) position = 0;
        Node &child = reader.nodes[parent.children[position]];
        position++;
        if (child.key == key) {
            parent.expected = position;
            return &child;
        }
    }
    return nullptr;
}

Node *child_for_index(ejs_payload &reader, Node &parent, int64_t index) noexcept {
    for (uint32_t position : parent.children) {
        if (reader.nodes[position].index == index) return &reader.nodes[position];
    }
    return nullptr;
}

void note(ejs_payload &reader, const Node *node, ejs_kind kind, std::string_view text = {},
          double number = 0) noexcept {
    if (node == nullptr || node->slot < 0) return;
    ejs_reading &reading = reader.current[node->slot];
    reading.kind = kind;
    reading.text = text.data();
    reading.length = static_cast<uint32_t>(text.size());
    reading.number = number;
}

ejs_status read(ejs_payload &reader, od::value &value, Node *node, size_t depth) noexcept;

ejs_status read_object(ejs_payload &reader, od::value &value, Node *node, size_t depth) noexcept {
    if (depth == 0) return EJS_TOO_DEEP;
    od::object object;
    if (auto error = value.get_object().get(object)) return status_of(error);
    for (auto result : object) {
        od::field field;
        if (auto error = std::move(result).get(field)) return status_of(error);
        // The first pass over the tokens has made sure that a quote ends the key.
        const char *raw = field.key().raw();
        size_t length = 0;
        while (raw[length] != '"' && raw[length] != '\\') length++;
        std::string_view key(raw, length);
        if (raw[length] == '\\') {
            if (auto error = field.unescaped_key().get(key)) return status_of(error);
        }
        Node *child = node == nullptr ? nullptr : child_for_key(reader, *node, key);
        if (child != nullptr) {
            if (child->seen == reader.serial) return EJS_DUPLICATE_KEY;
            child->seen = reader.serial;
        }
        if (auto status = read(reader, field.value(), child, depth - 1)) return status;
    }
    return EJS_OK;
}

ejs_status read_array(ejs_payload &reader, od::value &value, Node *node, size_t depth) noexcept {
    if (depth == 0) return EJS_TOO_DEEP;
    od::array array;
    if (auto error = value.get_array().get(array)) return status_of(error);
    int64_t index = 0;
    for (auto result : array) {
        od::value element;
        if (auto error = std::move(result).get(element)) return status_of(error);
        Node *child = node == nullptr ? nullptr : child_for_index(reader, *node, index);
        if (auto status = read(reader, element, child, depth - 1)) return status;
        index++;
    }
    return EJS_OK;
}

ejs_status read_string(ejs_payload &reader, od::value &value, Node *node,
                       std::string_view token) noexcept {
    if (token.size() < 2 || token.back() != '"') return EJS_SYNTAX;
    std::string_view text = token.substr(1, token.size() - 2);
    if (std::memchr(text.data(), '\\', text.size()) != nullptr) {
        if (auto error = value.get_string().get(text)) return status_of(error);
    } else {
        od::raw_json_string raw;
        if (auto error = value.get_raw_json_string().get(raw)) return status_of(error);
    }
    note(reader, node, EJS_STRING, text);
    return EJS_OK;
}

ejs_status read_number(ejs_payload &reader, od::value &value, Node *node,
                       std::string_view token) noexcept {
    double number;
    if (value.get_double().get(number) == simdjson::SUCCESS) {
        note(reader, node, EJS_NUMBER, token, number);
        return EJS_OK;
    }
    if (token == "-Infinity" && node != nullptr && node->slot >= 0) return EJS_NOT_FINITE;
    if (!is_number(token)) return EJS_SYNTAX;
    // JSON has no bound for numbers, doubles do. The value is not consumed: step over it as text.
    note(reader, node, EJS_NUMBER_HUGE, token);
    return EJS_OK;
}

ejs_status read(ejs_payload &reader, od::value &value, Node *node, size_t depth) noexcept {
    const std::string_view token = token_of(value);
    switch (token.empty() ? 0 : token[0]) {
        case '{':
            note(reader, node, EJS_OTHER);
            return read_object(reader, value, node, depth);
        case '[':
            note(reader, node, EJS_OTHER);
            return read_array(reader, value, node, depth);
        case '"': return read_string(reader, value, node, token);
        case 't':
        case 'f': {
            bool boolean;
            if (value.get_bool().get(boolean)) return EJS_SYNTAX;
            note(reader, node, EJS_OTHER);
            return EJS_OK;
        }
        case 'n': {
            bool null;
            if (value.is_null().get(null) == simdjson::SUCCESS && null) {
                note(reader, node, EJS_NULL);
                return EJS_OK;
            }
            break;
        }
        case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7':
        case '8': case '9':
            return read_number(reader, value, node, token);
        default: break;
    }
    // What Python's json.dumps and others write for floats that JSON cannot say.
    const bool is_wanted = node != nullptr && node->slot >= 0;
    if (is_wanted && (token == "NaN" || token == "Infinity" || token == "nan" || token == "inf")) {
        return EJS_NOT_FINITE;
    }
    return EJS_SYNTAX;
}

void begin_sample(ejs_payload &reader, size_t sample) noexcept {
    reader.serial++;
    reader.current = reader.readings.get() + sample * reader.slots;
    for (uint32_t slot = 0; slot < reader.slots; slot++) reader.current[slot] = ejs_reading{};
}

// One object, or an array of them; a scalar where the document itself is a slot.
ejs_status read_samples(ejs_payload &reader, od::value &value, size_t &samples) noexcept {
    Node *document = &reader.nodes[0];
    const std::string_view token = token_of(value);
    const char first = token.empty() ? 0 : token[0];
    if (document->slot >= 0 || first == '{') {
        begin_sample(reader, 0);
        samples = 1;
        return read(reader, value, document, reader.maximum_depth);
    }
    if (first != '[' || reader.maximum_samples == 1) {
        const ejs_status status = read(reader, value, nullptr, reader.maximum_depth);
        return status ? status : EJS_WRONG_ROOT;
    }
    od::array array;
    if (auto error = value.get_array().get(array)) return status_of(error);
    bool are_objects = true;
    for (auto result : array) {
        od::value element;
        if (auto error = std::move(result).get(element)) return status_of(error);
        if (samples == reader.maximum_samples) return EJS_TOO_MANY_SAMPLES;
        const bool is_object = *element.raw_json_token().data() == '{';
        are_objects = are_objects && is_object;
        begin_sample(reader, samples);
        if (auto status = read(reader, element, is_object ? document : nullptr,
                               reader.maximum_depth)) {
            return status;
        }
        samples++;
    }
    if (!are_objects) return EJS_WRONG_ROOT;
    return samples == 0 ? EJS_EMPTY : EJS_OK;
}

}  // namespace
}  // namespace ejs

ejs_payload *ejs_payload_create(size_t maximum_bytes, size_t maximum_depth,
                                size_t maximum_samples) {
    std::unique_ptr<ejs_payload> reader(new (std::nothrow) ejs_payload);
    if (!reader) return nullptr;
    reader->maximum_bytes = maximum_bytes;
    reader->maximum_depth = maximum_depth;
    reader->maximum_samples = maximum_samples;
    try {
        reader->nodes.emplace_back();
    } catch (...) {
        return nullptr;
    }
    return reader.release();
}

void ejs_payload_destroy(ejs_payload *reader) { delete reader; }

ejs_status ejs_payload_add_path(ejs_payload *reader, const char *keys, const size_t *lengths,
                                size_t count) {
    try {
        uint32_t at = 0;
        for (size_t component = 0; component < count; component++) {
            const std::string_view key(keys, lengths[component]);
            keys += lengths[component];
            uint32_t next = 0;
            for (uint32_t child : reader->nodes[at].children) {
                if (reader->nodes[child].key == key) next = child;
            }
            if (next == 0) {
                next = static_cast<uint32_t>(reader->nodes.size());
                ejs::Node node;
                node.key = key;
                node.index = ejs::as_index(key);
                reader->nodes.push_back(std::move(node));
                reader->nodes[at].children.push_back(next);
            }
            at = next;
        }
        reader->nodes[at].slot = static_cast<int32_t>(reader->slots++);
        return EJS_OK;
    } catch (...) {
        return EJS_NO_MEMORY;
    }
}

ejs_status ejs_payload_prepare(ejs_payload *reader) {
    const size_t readings = reader->maximum_samples * reader->slots;
    reader->readings.reset(new (std::nothrow) ejs_reading[readings]());
    if (!reader->readings) return EJS_NO_MEMORY;
    return reader->source.allocate(reader->maximum_bytes, reader->maximum_depth);
}

ejs_status ejs_payload_read(ejs_payload *reader, const void *bytes, size_t count,
                            size_t *samples) {
    *samples = 0;
    ejs::od::document document;
    if (auto status = reader->source.open(bytes, count, document)) return status;
    ejs::od::array root;
    if (auto error = document.get_array().get(root)) return ejs::status_of(error);
    size_t documents = 0;
    ejs_status status = EJS_OK;
    for (auto result : root) {
        ejs::od::value value;
        if (auto error = std::move(result).get(value)) return ejs::status_of(error);
        if (documents++ == 1) return EJS_SYNTAX;
        status = ejs::read_samples(*reader, value, *samples);
        // These two say what the document is; whether it is one is known at its end.
        if (status != EJS_OK && status != EJS_WRONG_ROOT && status != EJS_EMPTY) return status;
    }
    if (!ejs::Source::is_at_end(document)) return EJS_SYNTAX;
    return documents == 0 ? EJS_EMPTY : status;
}

const ejs_reading *ejs_payload_readings(const ejs_payload *reader) {
    return reader->readings.get();
}
