"""Files shaped like real systems' exports, written from a world, with planted dirt that is counted."""

from include.demo.exports.show import Interval
from include.demo.exports.systems import FILES, ExportFile, files_of
from include.demo.exports.write import Exported, export

__all__ = ["FILES", "ExportFile", "Exported", "Interval", "export", "files_of"]
