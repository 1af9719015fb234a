// Decision trees.
//
// A tree alone is a chain of loads, each waiting for the one before: some 20 cycles a level. Eight
// trees are walked side by side, so that eight chains wait together, without a branch that could be
// guessed wrong: a row's way through a tree is as good as random. A node is 8 bytes, siblings are
// neighbours, and a tree's nodes lie level by level: the first three levels are one cache line.
#include "classical.h"

/// Features as nodes compare them. Integers and float64 are rounded to float32 where nodes are.
void ik_tree_rows(const ik_step *step, uint8_t *arena) {
    const ik_tree_ensemble *p = step->u.parameters;
    const uint8_t *x = arena + step->input.offset;
    uint8_t *scratch = arena + step->output.offset;
    for (int32_t row = 0; row < p->rows; ++row, scratch += p->row_bytes) {
        const int64_t first = (int64_t)row * p->columns;
        if (p->nodes != NULL) {
            float *to = (float *)scratch;
            if (p->input_type == IK_FLOAT32) {
                memcpy(to, (const float *)x + first, (size_t)p->features * sizeof *to);
            } else {
                for (int32_t i = 0; i < p->features; ++i) {
                    to[i] = (float)real_at(x, p->input_type, first + i);
                }
            }
            to[p->features] = -INFINITY;
        } else {
            double *to = (double *)scratch;
            for (int32_t i = 0; i < p->features; ++i) {
                to[i] = rounded(real_at(x, p->input_type, first + i), p->result.is_double);
            }
        }
    }
}

/// Walks a group of trees for a row without NaN. `node` are the roots, then the leaves.
static inline void walk_group(const ik_tree_node **node, int32_t depth, const float *x) {
    const ik_tree_node *a = node[0], *b = node[1], *c = node[2], *d = node[3];
    const ik_tree_node *e = node[4], *f = node[5], *g = node[6], *h = node[7];
    for (; depth > 0; --depth) {
        a += a->child + (x[a->feature] > a->value);
        b += b->child + (x[b->feature] > b->value);
        c += c->child + (x[c->feature] > c->value);
        d += d->child + (x[d->feature] > d->value);
        e += e->child + (x[e->feature] > e->value);
        f += f->child + (x[f->feature] > f->value);
        g += g->child + (x[g->feature] > g->value);
        h += h->child + (x[h->feature] > h->value);
    }
    node[0] = a, node[1] = b, node[2] = c, node[3] = d;
    node[4] = e, node[5] = f, node[6] = g, node[7] = h;
}

/// The same for a row with NaN, which goes where each node says.
static void walk_group_nan(const ik_tree_ensemble *p, const ik_tree_node **node, int32_t depth,
    const float *x) {
    for (; depth > 0; --depth) {
        for (int k = 0; k < IK_TREE_GROUP; ++k) {
            const float value = x[node[k]->feature];
            const size_t index = (size_t)(node[k] - p->nodes);
            const int nan = (value != value) & (p->nan_is_second[index / 8] >> (index % 8));
            node[k] += node[k]->child + ((value > node[k]->value) | nan);
        }
    }
}

static inline uint32_t row_of_votes(const ik_tree_node *leaf) {
    uint32_t row;
    memcpy(&row, &leaf->value, sizeof row);
    return row;
}

/// Adds a vote to a sum, or keeps the smaller or larger.
static inline void cast_vote(const ik_tree_ensemble *p, double *score, uint8_t *flag, double weight) {
    const int takes = p->aggregate == 0
        || !*flag || (p->aggregate == 1 ? weight < *score : weight > *score);
    if (p->aggregate == 0) weight = rounded(*score + weight, p->result.is_double);
    if (takes) *score = weight;
    *flag = 1;
}

static void walk_narrow(const ik_tree_ensemble *p, const float *x, float *sums, double *scores,
    uint8_t *flags) {
    const int32_t targets = p->result.targets;
    int has_nan = 0;
    for (int32_t i = 0; i < p->features; ++i) has_nan |= x[i] != x[i];
    float sum = 0;
    memset(sums, 0, (size_t)targets * sizeof *sums);
    for (int32_t group = 0; group < p->groups; ++group) {
        const ik_tree_node *node[IK_TREE_GROUP];
        for (int k = 0; k < IK_TREE_GROUP; ++k) {
            node[k] = p->nodes + p->roots[group * IK_TREE_GROUP + k];
        }
        if (has_nan) {
            walk_group_nan(p, node, p->depths[group], x);
        } else {
            walk_group(node, p->depths[group], x);
        }
        if (targets == 1) {
            for (int k = 0; k < IK_TREE_GROUP; ++k) sum += node[k]->value;
        } else if (p->dense_votes != NULL) {
            const float *votes[IK_TREE_GROUP];
            for (int k = 0; k < IK_TREE_GROUP; ++k) {
                votes[k] = p->dense_votes + (size_t)row_of_votes(node[k]) * (size_t)targets;
            }
            for (int32_t t = 0; t < targets; ++t) {
                float s = sums[t];
                for (int k = 0; k < IK_TREE_GROUP; ++k) s += votes[k][t];
                sums[t] = s;
            }
        } else {
            for (int k = 0; k < IK_TREE_GROUP; ++k) {
                const uint32_t row = row_of_votes(node[k]);
                for (uint32_t i = p->vote_starts[row]; i < p->vote_starts[row + 1]; ++i) {
                    sums[p->votes[i].target] += (float)p->votes[i].weight;
                    flags[p->votes[i].target] = 1;
                }
            }
        }
    }
    if (targets == 1) sums[0] = sum;
    for (int32_t t = 0; t < targets; ++t) {
        scores[t] = (double)sums[t];
        if (targets == 1 || p->dense_votes != NULL) flags[t] = 1;
    }
}

/// Whether a row goes to the second child of a wide node.
static inline int goes_second(const ik_tree_ensemble *p, const ik_wide_tree_node *node, double x) {
    if (x != x) return node->nan_is_second;
    switch (node->kind) {
        case IK_TREE_ORDERED: return x > node->value;
        case IK_TREE_EQUAL: return x != node->value;
        case IK_TREE_NOT_EQUAL: return x == node->value;
        case IK_TREE_MEMBER:
            for (int32_t i = 0; i < node->member_count; ++i) {
                if (x == p->members[node->first_member + i]) return 0;
            }
            return 1;
        default: return 1;
    }
}

static void walk_wide(const ik_tree_ensemble *p, const double *x, double *scores, uint8_t *flags) {
    memset(scores, 0, (size_t)p->result.targets * sizeof *scores);
    for (int32_t tree = 0; tree < p->trees; ++tree) {
        const ik_wide_tree_node *node = p->wide + p->roots[tree];
        while (node->kind != IK_TREE_LEAF) {
            node += node->child + goes_second(p, node, x[node->feature]);
        }
        for (uint32_t i = p->vote_starts[node->child]; i < p->vote_starts[node->child + 1]; ++i) {
            const ik_tree_vote *vote = &p->votes[i];
            cast_vote(p, &scores[vote->target], &flags[vote->target], vote->weight);
        }
    }
}

/// The label of two classes, and how one score becomes two.
/// Source: ONNX Runtime's classifier, which the converters write their models for.
static int64_t binary_label(const ik_tree_result *r, const double *scores, const uint8_t *flags,
    int *second_class) {
    const double positive = flags[1] ? scores[1] : flags[0] ? scores[0] : 0;
    const int is_second = positive > (r->is_binary && r->weights_are_positive ? 0.5 : 0);
    if (r->is_binary) *second_class = (r->weights_are_positive ? 0 : 2) + !is_second;
    return r->labels[is_second];
}

/// Two scores from one. Source: as above.
static void split_score(double *scores, int32_t kind, int second_class, int is_double) {
    const double score = scores[0];
    if (kind == 4) {
        scores[0] = ik_probit(score);
        scores[1] = 0;
    } else if (second_class < 2) {
        scores[1] = score;
        scores[0] = rounded(1 - score, is_double);
    } else if (kind == 1) {
        scores[0] = ik_logistic(-score, is_double);
        scores[1] = ik_logistic(score, is_double);
    } else {
        scores[0] = -score;
        scores[1] = score;
    }
}

static int64_t finish_classifier(const ik_tree_result *r, double *scores, uint8_t *flags) {
    if (r->targets > 2) {
        for (int32_t t = 0; t < r->base_count; ++t) {
            scores[t] = rounded(scores[t] + r->base_values[t], r->is_double);
            flags[t] = 1;
        }
        int32_t best = -1;
        for (int32_t t = 0; t < r->targets; ++t) {
            if (flags[t] && (best < 0 || scores[t] > scores[best])) best = t;
        }
        ik_post_transform(scores, r->targets, r->post_transform, r->is_double);
        return r->labels[best < 0 ? 0 : best];
    }
    int second_class = -1;
    int32_t count = 2;
    if (r->base_count == 2) {
        if (flags[1]) {
            scores[1] = rounded(scores[0] + r->base_values[1], r->is_double);
            scores[0] = -scores[1];
        } else {
            scores[0] = rounded(scores[0] + r->base_values[0], r->is_double);
            scores[1] = rounded(scores[1] + r->base_values[1], r->is_double);
        }
    } else {
        if (r->base_count == 1) scores[0] = rounded(scores[0] + r->base_values[0], r->is_double);
        if (r->base_count == 0) second_class = 3;
        if (!flags[1]) count = 1;
    }
    const int64_t label = binary_label(r, scores, flags, &second_class);
    if (count == 2) {
        ik_post_transform(scores, 2, r->post_transform, r->is_double);
    } else {
        split_score(scores, r->post_transform, second_class, r->is_double);
    }
    return label;
}

static void finish_regressor(const ik_tree_result *r, double *scores, const uint8_t *flags,
    int32_t trees) {
    for (int32_t t = 0; t < r->targets; ++t) {
        double score = flags[t] ? scores[t] : 0;
        if (r->average) score = rounded(score / trees, r->is_double);
        if (r->base_count == r->targets) score = rounded(score + r->base_values[t], r->is_double);
        scores[t] = score;
    }
    // Of a single target ONNX Runtime transforms only by probit; models are made to fit it.
    if (r->targets > 1) {
        ik_post_transform(scores, r->targets, r->post_transform, r->is_double);
    } else if (r->post_transform == 4) {
        scores[0] = ik_probit(scores[0]);
    }
}

void ik_tree_descend(const ik_step *step, uint8_t *arena) {
    const ik_tree_ensemble *p = step->u.parameters;
    const ik_tree_result *r = &p->result;
    uint8_t *scratch = arena + step->input.offset;
    uint8_t *out = arena + step->output.offset;
    int64_t *labels = (int64_t *)(arena + step->second.offset);
    for (int32_t row = 0; row < p->rows; ++row, scratch += p->row_bytes) {
        double *scores = (double *)(scratch + p->scores_offset);
        uint8_t *flags = scratch + p->flags_offset;
        memset(flags, 0, (size_t)r->outputs);
        if (p->nodes != NULL) {
            walk_narrow(p, (const float *)scratch, (float *)(scratch + p->sums_offset), scores, flags);
        } else {
            walk_wide(p, (const double *)scratch, scores, flags);
        }
        if (r->is_classifier) {
            labels[row] = finish_classifier(r, scores, flags);
        } else {
            finish_regressor(r, scores, flags, p->trees);
        }
        const int64_t first = (int64_t)row * r->outputs;
        for (int32_t t = 0; t < r->outputs; ++t) {
            if (r->writes_double) {
                ((double *)out)[first + t] = scores[t];
            } else {
                ((float *)out)[first + t] = (float)scores[t];
            }
        }
    }
}
