//! What an adgroup asks of a user: a boolean expression over segments.
//!
//! An [`Expression`] is a closed tree of AND, OR and NOT over literals; [`Targeting`] is what an adgroup stores, as
//! include groups and excludes (the tick boxes) or as an expression. Text becomes an `Expression<Name>` by [`parse`],
//! names become numbers by [`resolve`], and everything behind speaks of [`crate::ids::SegmentNumber`].
//!
//! Expressions come from outside, so every tree is bounded when it is made: at most
//! [`crate::limits::EXPRESSION_DEPTH`] levels and [`crate::limits::EXPRESSION_LITERALS`] literals. No constructor lets
//! a deeper one exist, hence recursion over a tree (drop, clone, evaluate, print) is bounded by 64 frames, while the
//! two readers of foreign bytes, the text parser and the decoder of the stored form, keep explicit stacks and refuse
//! at the first level too many.
//!
//! [`Expression::evaluate`] is the naive evaluator: the oracle of every faster path in [`crate::targeting`].

mod analysis;
mod encoding;
mod fold;
mod lexer;
mod normal;
mod parser;
mod pointer;
mod print;
mod targeting;
mod tree;

pub use analysis::{Polarity, Prepared, Satisfiability, prepare};
pub use fold::{SetAlgebra, fold};
pub use lexer::{Name, NameKind};
pub use normal::NormalForm;
pub use parser::{parse, resolve};
pub use targeting::{Groups, Targeting};
pub use tree::{Expression, Node};

#[cfg(test)]
mod laws;
