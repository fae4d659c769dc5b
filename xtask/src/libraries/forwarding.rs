//! Functions of shared libraries that are looked up when they are first wanted, not when the program starts.
//!
//! candle links with CUDA's libraries, so that the system would not start the program where one of them is missing. A function with the library's name for
//! it, defined in the program itself, takes the place of that link: it jumps to wherever [`Functions::find`] found the library's own, and leaves arguments
//! and stack as they are, so that nobody need know its signature.

use std::error::Error as _;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use libloading::Library;

/// Where a function jumps to.
#[repr(transparent)]
pub struct Target(AtomicPtr<c_void>);

impl Target {
    pub const fn new() -> Self {
        Self(AtomicPtr::new(absent as *mut c_void))
    }
}

/// What a function does before it was found: what the libraries call "not initialized".
extern "C" fn absent() -> usize {
    3
}

/// The functions that the program calls of one library.
pub struct Functions(pub &'static [(&'static str, &'static Target)]);

impl Functions {
    /// Finds them all in the library `file`, which stays open as long as the process lives.
    ///
    /// # Errors
    ///
    /// A library that cannot be opened, in the system's words, or that lacks a function; then none is found.
    pub fn find(&self, file: &str) -> Result<(), String> {
        // SAFETY: what the library does when it is opened is what its maker meant it to do, as with one that the program is linked with.
        let library = unsafe { Library::new(file) }.map_err(in_words)?;
        let found: Vec<*mut c_void> = (self.0.iter())
            .map(|(name, _)| {
                // SAFETY: the address is jumped to by those alone who declared the function as the library does.
                let function = unsafe { library.get::<*mut c_void>(name.as_bytes()) };
                function.map(|function| *function).map_err(|_| format!("{file} has no {name}"))
            })
            .collect::<Result<_, _>>()?;
        for ((_, target), address) in self.0.iter().zip(found) {
            target.0.store(address, Ordering::Release);
        }
        std::mem::forget(library);
        Ok(())
    }
}

/// Why a library could not be opened; the system's words stand behind libloading's.
fn in_words(error: libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Defines the functions of a library by their names, in a module with `FUNCTIONS`, which finds them. They are hidden: other libraries keep their own.
macro_rules! forwarded {
    ($(#[$about:meta])* $reach:vis mod $library:ident { $($function:ident)* }) => {
        $(#[$about])*
        #[allow(non_upper_case_globals, reason = "the library's names")]
        $reach mod $library {
            use $crate::libraries::forwarding::{Functions, Target};

            $(
                static $function: Target = Target::new();

                std::arch::global_asm!(
                    concat!(".pushsection .text.", stringify!($function), ", \"ax\", @progbits"),
                    concat!(".globl ", stringify!($function)),
                    concat!(".hidden ", stringify!($function)),
                    concat!(".type ", stringify!($function), ", @function"),
                    concat!(stringify!($function), ":"),
                    "jmp qword ptr [rip + {target}]",
                    concat!(".size ", stringify!($function), ", . - ", stringify!($function)),
                    ".popsection",
                    target = sym $function,
                );
            )*

            pub const FUNCTIONS: Functions =
                Functions(&[$((stringify!($function), &$function)),*]);
        }
    };
}

pub(crate) use forwarded;

#[cfg(test)]
mod tests {
    super::forwarded! {
        mod bessel { j0 jn }
    }

    // Of C's mathematics; nothing else here calls them.
    unsafe extern "C" {
        fn j0(x: f64) -> f64;
        fn jn(order: i32, x: f64) -> f64;
    }

    super::forwarded! {
        mod unknown { stylegan_has_no_such_function }
    }

    #[test]
    fn arguments_and_results_pass_through() {
        bessel::FUNCTIONS.find("libm.so.6").unwrap();
        // SAFETY: C's mathematics takes any number.
        let (first, second) = unsafe { (j0(1.5), jn(2, 1.5)) };
        assert!((first - 0.511_827_671_735_918).abs() < 1e-12, "{first}");
        assert!((second - 0.232_087_672_144_214).abs() < 1e-12, "{second}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = bessel::FUNCTIONS.find("libno-such-library.so.1").unwrap_err();
        assert!(error.contains("libno-such-library.so.1"), "{error}");
        let error = unknown::FUNCTIONS.find("libm.so.6").unwrap_err();
        assert_eq!(error, "libm.so.6 has no stylegan_has_no_such_function");
    }
}
