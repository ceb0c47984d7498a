"""The marts computed a second time, in plain Python, from the written definitions alone.

Nothing here reads a dbt model: what the warehouse says and what the definitions say are two
opinions, and a test compares them cell by cell.
"""
