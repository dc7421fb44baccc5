"""Let mkdocs show files that lie outside docs/, and follow links as they stand in the repository.

A link such as `../CONTRIBUTING.md` works where the repository is read. Here it becomes a link to a page of the site.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).resolve().parent.parent

TEXTS = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
TEXTS |= {"CITATION.cff": "CITATION.cff"}
"""Texts that the site has, too: the path of each in the repository, and in the site."""

NOTEBOOKS = [f"notebooks/{path.name}" for path in sorted(PROJECT.glob("analysis/notebooks/*.ipynb"))]
"""Notebooks, which become pages, too: the path of each in analysis/ and in the site."""

PAGES = TEXTS | {f"analysis/{path}": path for path in NOTEBOOKS}


@event_priority(100)  # before the plugin that turns notebooks into pages
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for source, page in TEXTS.items():
        files.append(File.generated(config, page, abs_src_path=str(PROJECT / source)))
    for path in NOTEBOOKS:
        files.append(File(path, str(PROJECT / "analysis"), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn a page's links to files of the repository into links to the site's pages."""
    path = page.file.src_uri
    source = {to: source for source, to in PAGES.items()}.get(path, f"docs/{path}")

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        to = PAGES.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
        return f"]({posixpath.relpath(to, posixpath.dirname(path) or '.')}" if to else match[0]

    return re.sub(r"\]\(([^)#:]+)", link, markdown)
