"""Writes a module in which DEPTH brackets are open at once. usage: deep.py FILE DEPTH"""
import sys
from pathlib import Path

rest = int(sys.argv[2]) - 1  # the dictionary is the first
Path(sys.argv[1]).write_text(f"""// (((((((( no bracket is open in a comment, nor in a string
func.func @f() -> index attributes {{a = {'[' * rest}{']' * rest}, b = "{'(' * 300}\\22{'{' * 300}"}} {{
  %c0 = arith.constant 0 : index
  return %c0 : index
}}
""")
