"""The report: what it contains (`content`), and its forms (`page`, `markdown`, `latex`).

A report is made from the store by `signs_sweep.commands.reporting`. Everything on the page is in
`Report`, so that all forms have the same numbers.
"""
