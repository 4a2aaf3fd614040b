//! A tree to text: the fewest parentheses that read back to the same tree.

use std::fmt::{self, Write};

use crate::expression::{Expression, Name, Node};

impl<L> Expression<L> {
    /// Writes the text form, each literal as `literal` writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_text<W: Write>(
        &self,
        out: &mut W,
        literal: &mut impl FnMut(&L, &mut W) -> fmt::Result,
    ) -> fmt::Result {
        match self.node() {
            Node::Constant(value) => write!(out, "{value}"),
            Node::Literal(name) => literal(name, out),
            Node::Not(child) => {
                out.write_char('!')?;
                child.write_operand(out, literal, Binding::Not)
            }
            Node::And(children) => write_joined(children, out, literal, Binding::And),
            Node::Or(children) => write_joined(children, out, literal, Binding::Or),
        }
    }

    /// Parentheses around whatever binds no tighter than its parent; a NOT may stand in a NOT.
    fn write_operand<W: Write>(
        &self,
        out: &mut W,
        literal: &mut impl FnMut(&L, &mut W) -> fmt::Result,
        parent: Binding,
    ) -> fmt::Result {
        let binding = Binding::of(self.node());
        if binding > parent || binding == Binding::Not {
            return self.write_text(out, literal);
        }
        out.write_char('(')?;
        self.write_text(out, literal)?;
        out.write_char(')')
    }
}

fn write_joined<L, W: Write>(
    children: &[Expression<L>],
    out: &mut W,
    literal: &mut impl FnMut(&L, &mut W) -> fmt::Result,
    parent: Binding,
) -> fmt::Result {
    for (position, child) in children.iter().enumerate() {
        if position > 0 {
            out.write_str(if parent == Binding::And { " & " } else { " | " })?;
        }
        child.write_operand(out, literal, parent)?;
    }
    Ok(())
}

/// How tightly an operator holds its operands, loosest first.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Binding {
    Or,
    And,
    Not,
    Atom,
}

impl Binding {
    fn of<L>(node: &Node<L>) -> Self {
        match node {
            Node::Or(_) => Self::Or,
            Node::And(_) => Self::And,
            Node::Not(_) => Self::Not,
            Node::Constant(_) | Node::Literal(_) => Self::Atom,
        }
    }
}

/// The text form; the constants of an adgroup without targeting print as the reserved words `true` and `false`.
impl fmt::Display for Expression<Name> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_text(f, &mut |name, f| write!(f, "{name}"))
    }
}
