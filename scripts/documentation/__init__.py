"""The documentation as a site: pages of the repository and generated ones, in English and Chinese, for mkdocs."""
