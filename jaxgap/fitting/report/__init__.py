"""What is told of a fit: rows of numbers, words, tables, pictures, the page, and the records on disk.

The names below are imported when they are asked for.
"""

from typing import TYPE_CHECKING

from jaxgap.numerics.listed import later

if TYPE_CHECKING:
    from jaxgap.fitting.report.files import as_json as as_json
    from jaxgap.fitting.report.files import print_next as print_next
    from jaxgap.fitting.report.files import print_report as print_report
    from jaxgap.fitting.report.files import report_files as report_files
    from jaxgap.fitting.report.files import write_report as write_report
    from jaxgap.fitting.report.files import write_views as write_views
    from jaxgap.fitting.report.pictures import plot_fit as plot_fit
else:
    __all__, __getattr__, __dir__ = later(__name__, __file__)
