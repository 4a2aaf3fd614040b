//! The laws of expressions: text, stored form, sets and analysis all agree with the naive evaluator.
