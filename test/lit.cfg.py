import os

import lit.formats
import lit.util
from lit.llvm import llvm_config

config.name = "InfiniAttn"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["numeric", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.infini_obj_root, "test")

llvm_config.with_system_environment(["HOME", "TMP", "TEMP"])
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.infini_tools_dir, append_path=True)
config.substitutions.append(("%python", config.python_executable))
config.substitutions.append(("%infini_lib", config.infini_lib_dir))
config.substitutions.append(("%openmp", f"{config.openmp_library} -Wl,-rpath,{os.path.dirname(config.openmp_library)}"))
if config.sanitized:
    config.available_features.add("asan")
