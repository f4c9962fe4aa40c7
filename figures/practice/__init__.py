"""Figures of training runs, with theory beside them where there is one."""
