"""Object files: LLVM modules optimized and compiled for this processor, and machine code brought into the process."""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir

from channelsim.engine.compile import machine

_kept: list[Any] = []  # machine code lives as long as the object that it came with


def new_module(name: str) -> ir.Module:
    """An empty module for this processor, to be filled and parsed."""
    module = ir.Module(name)
    module.triple, module.data_layout = binding.get_process_triple(), str(target().target_data)
    return module


def compile_module(module: Any, *, vectorize: bool) -> bytes:
    """The object file of a parsed module (which is changed), with its loops made vector code if told."""
    processor = target()
    if vectorize:
        # Loops in rotated form are recognized when functions are inlined into each other: as Numba does.
        passes = binding.create_pass_builder(processor, binding.create_pipeline_tuning_options(speed_level=0))
        early = passes.getModulePassManager()
        early.add_loop_rotate_pass()
        early.add_instruction_combine_pass()
        early.add_jump_threading_pass()
        early.run(module, passes)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization, options.slp_vectorization = vectorize, False
    passes = binding.create_pass_builder(processor, options)
    passes.getModulePassManager().run(module, passes)
    return bytes(processor.emit_object(module))


def load(code: bytes, symbols: list[str]) -> list[int]:
    """The addresses of symbols of an object file, which is brought into the process."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _kept.append(engine)
    return [int(engine.get_function_address(symbol)) for symbol in symbols]


def target() -> Any:
    """This processor, as far as code may use it."""
    family = binding.Target.from_default_triple()
    reloc = "static" if family.name.startswith("x86") else "default"
    return family.create_target_machine(
        cpu=machine.CPU, features=machine.FEATURES, opt=3, reloc=reloc, codemodel="jitdefault", jit=True
    )
