//! The affine maps of PDF: `[a b c d e f]`, points as row vectors.

use lopdf::Object;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix(pub(super) [f64; 6]);

impl Matrix {
    pub(super) const IDENTITY: Matrix = Matrix([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    pub(super) const fn shift(x: f64, y: f64) -> Matrix {
        Matrix([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// First this one, then `next`.
    pub(super) fn then(self, next: Matrix) -> Matrix {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, next.0);
        Matrix([a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l])
    }

    pub(super) fn apply(self, x: f64, y: f64) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.0;
        (a * x + c * y + e, b * x + d * y + f)
    }

    /// Six numbers of an array or of operands; `None` when there are not six, or one of them is not finite.
    pub(super) fn from_objects(objects: &[Object]) -> Option<Matrix> {
        let mut numbers = [0.0; 6];
        if objects.len() != 6 {
            return None;
        }
        for (number, object) in numbers.iter_mut().zip(objects) {
            *number = number_of(object)?;
        }
        Some(Matrix(numbers))
    }
}

/// A number within what a page can mean; everything beyond is a trick.
pub(super) fn number_of(object: &Object) -> Option<f64> {
    let number = f64::from(object.as_float().ok()?);
    (number.is_finite() && number.abs() < 1e7).then_some(number)
}
