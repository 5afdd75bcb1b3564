"""Files that the host fetches before a pipeline starts."""

from pydantic import BaseModel


class HuggingfaceRepoArtifact(BaseModel):
    repo_id: str
    files: list[str]
