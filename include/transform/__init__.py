"""The transform arrow: dbt builds staging, intermediate tables and marts from the feeds as they stand now."""

from include.transform.build import BuildError, BuildResult, HeldTenant, build, dbt_environment

__all__ = ["BuildError", "BuildResult", "HeldTenant", "build", "dbt_environment"]
