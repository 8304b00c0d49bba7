//! `bindgen WASM FOLDER`: writes the Worker's module `index_bg.wasm` and its glue `index.js` to a folder.
//! wasm-bindgen's own command line does the same, but it has a server and an HTTP client for tests, which take minutes
//! to compile.

use std::{env, error::Error};

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [wasm, folder] = arguments.as_slice() else {
        return Err("Usage: bindgen WASM FOLDER".into());
    };
    Bindgen::new()
        .input_path(wasm)
        .out_name("index")
        .web(true)?
        .typescript(false)
        // For src/entry.js, which makes a new instance after a trap.
        .reset_state_function(true)
        .generate(folder)?;
    Ok(())
}
