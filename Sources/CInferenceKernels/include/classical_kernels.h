#pragma once
// Kernels of classical models: decision trees, linear models, and the scaling around them.
//
// All take a matrix [rows, columns] of float32, float64, int32 or int64 and give float32 (trees of
// float64: float64). Sums are made in the order of the file and in the precision that the model
// declares, so that the answer is the same on every machine.

#include <stddef.h>
#include <stdint.h>

typedef struct ik_step ik_step;

/// Most outputs of a linear model.
#define IK_LINEAR_OUTPUTS 1024

/// Types of a classical kernel's input.
enum { IK_FLOAT32 = 0, IK_FLOAT64 = 1, IK_INT32 = 2, IK_INT64 = 3 };

/// Trees that are walked side by side.
#define IK_TREE_GROUP 8

/// A node in 8 bytes. The row goes to node + child when x[feature] <= value, else to the one behind
/// it. A leaf has child 0 and the feature behind the last, which is -infinity: a row that has
/// arrived stays, and every tree of a group is walked as deep as the deepest without a branch.
/// A leaf's value is its vote, or which row of votes it casts.
typedef struct ik_tree_node {
    float value;
    uint16_t feature;
    uint16_t child;
} ik_tree_node;

/// What a wide node compares.
enum {
    IK_TREE_ORDERED = 0,  ///< x <= value
    IK_TREE_EQUAL = 1,
    IK_TREE_NOT_EQUAL = 2,
    IK_TREE_MEMBER = 3,   ///< x is one of `members`
    IK_TREE_NEVER = 4,
    IK_TREE_LEAF = 7
};

/// A node of any comparison, precision and distance.
typedef struct ik_wide_tree_node {
    double value;
    int32_t feature;
    int32_t child;        ///< Distance to the first child; of a leaf: which row of votes.
    int32_t first_member, member_count;
    uint8_t kind;
    uint8_t nan_is_second;  ///< Where a NaN goes.
} ik_wide_tree_node;

typedef struct ik_tree_vote {
    double weight;
    int32_t target;
} ik_tree_vote;

/// How the sums of votes become a result.
typedef struct ik_tree_result {
    int32_t targets, outputs;
    int32_t post_transform;   ///< 0 none, 1 logistic, 2 softmax, 3 softmax of non-zeros, 4 probit.
    int32_t average;          ///< Divide by the number of trees.
    int32_t base_count;
    int32_t is_classifier, is_binary, weights_are_positive;
    int32_t is_double;        ///< Sums in float64; else every sum is rounded to float32.
    int32_t writes_double;    ///< The output is float64.
    const double *base_values;
    const int64_t *labels;    ///< [targets]
} ik_tree_result;

/// Trees and all that a step needs to evaluate them. A row's scratch is: its features as the nodes
/// compare them and the sentinel; float32 sums; float64 scores; flags of targets voted for.
typedef struct ik_tree_ensemble {
    const ik_tree_node *nodes;        ///< NULL when the nodes are wide.
    const ik_wide_tree_node *wide;
    const uint8_t *nan_is_second;     ///< A bit for each narrow node.
    const uint32_t *roots;            ///< [trees rounded up to groups]
    const int32_t *depths;            ///< [groups]
    const float *dense_votes;         ///< [leaf][target]; NULL when leaves vote for some targets.
    const uint32_t *vote_starts;      ///< [leaves + 1]
    const ik_tree_vote *votes;
    const double *members;
    int32_t trees, groups, features, columns, rows;
    int32_t input_type;
    int32_t aggregate;                ///< 0 sum, 1 minimum, 2 maximum.
    int64_t row_bytes, sums_offset, scores_offset, flags_offset;
    ik_tree_result result;
} ik_tree_ensemble;

/// y[c] = coefficients of c . x + intercept, then as a classifier or regressor.
typedef struct ik_linear_model {
    const float *coefficients;  ///< [target][column]
    const float *intercepts;    ///< [target]
    const int64_t *labels;      ///< NULL for a regressor.
    int32_t rows, columns, targets, outputs;
    int32_t post_transform;
    int32_t input_type;
    int32_t adds_second_class;  ///< One target, two classes.
} ik_linear_model;

/// One of several functions of a column.
typedef struct ik_column_map {
    const float *offset, *scale;  ///< [columns]
    int32_t rows, columns;
    int32_t input_type;
    int32_t kind;                 ///< IK_SCALE, IK_IMPUTE, IK_BINARIZE, or a norm.
    float threshold;              ///< Binarize above; impute where equal (NaN: where NaN).
} ik_column_map;

enum { IK_SCALE = 0, IK_IMPUTE = 1, IK_BINARIZE = 2, IK_NORM_MAX = 3, IK_NORM_L1 = 4, IK_NORM_L2 = 5 };

/// Copies rows into scratch as nodes compare them, with the sentinel behind.
void ik_tree_rows(const ik_step *step, uint8_t *arena);

/// Walks all trees for each row of scratch (input). Writes scores (output) and, for a classifier,
/// labels (second).
void ik_tree_descend(const ik_step *step, uint8_t *arena);

/// Input to scores (output) and, for a classifier, labels (second).
void ik_linear_model_rows(const ik_step *step, uint8_t *arena);

void ik_column_map_rows(const ik_step *step, uint8_t *arena);

/// The value of each element's key, or `otherwise`. Elements are float or int64_t.
typedef struct ik_label_map {
    const double *keys, *values;  ///< Keys ascend.
    double otherwise;
    int64_t count, elements;
    int32_t takes_integers, gives_integers;
} ik_label_map;
void ik_label_map_elements(const ik_step *step, uint8_t *arena);
