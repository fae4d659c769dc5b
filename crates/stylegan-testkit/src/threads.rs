//! The same bits at any number of threads.

use candle_core::{Result, Tensor};

use crate::compare::assert_same_bits;

/// Runs `f` in pools of 1, 2, 3 and 5 threads and asserts that the results have the same bits.
///
/// # Panics
/// If a pool cannot be made, `f` fails, or the results differ.
#[track_caller]
pub fn assert_same_at_any_thread_count<F>(what: &str, f: F)
where
    F: Fn() -> Result<Vec<Tensor>> + Send + Sync,
{
    let run = |threads: usize| -> Vec<Tensor> {
        let pool = match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool,
            Err(error) => panic!("{what}: a pool of {threads} threads: {error}"),
        };
        match pool.install(&f) {
            Ok(tensors) => tensors,
            Err(error) => panic!("{what}, {threads} threads: {error}"),
        }
    };
    let expected = run(1);
    assert!(!expected.is_empty(), "{what}: nothing to compare");
    for threads in [2, 3, 5] {
        let got = run(threads);
        assert_eq!(got.len(), expected.len(), "{what}");
        for (index, (a, b)) in got.iter().zip(&expected).enumerate() {
            assert_same_bits(&format!("{what}, tensor {index}, {threads} threads against 1"), a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn equal_results_pass() {
        assert_same_at_any_thread_count("constant", || {
            Ok(vec![Tensor::ones(3, candle_core::DType::F32, &Device::Cpu)?])
        });
    }

    #[test]
    #[should_panic(expected = "2 threads against 1")]
    fn a_result_that_depends_on_the_threads_fails() {
        assert_same_at_any_thread_count("thread count", || {
            Ok(vec![Tensor::new(&[rayon::current_num_threads() as f32], &Device::Cpu)?])
        });
    }
}
