"""Text to token ids and back, as the model sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from doubletime.server.body import read_body
from doubletime.server.chat.jobs import render
from doubletime.server.declare import read
from doubletime.server.fields import Json
from doubletime.server.prompts import ServedModel
from doubletime.server.tokens.fields import DetokenizeRequest, TokenizeRequest

_INLINE = 1024  # tokens; longer replies are written beside the event loop


class TokensApi:
    """The handlers; nothing here asks the engine."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model

    async def tokenize(self, request: Request) -> Response:
        asked = read(TokenizeRequest, await read_body(request))
        self._model.check_name(asked.model or self._model.names[0])
        tokens = await self._tokens(asked)
        if len(tokens) <= _INLINE:
            return self._reply(asked, tokens)
        return await asyncio.to_thread(self._reply, asked, tokens)

    async def detokenize(self, request: Request) -> Response:
        """Special tokens are written out: nothing is lost."""
        asked = read(DetokenizeRequest, await read_body(request))
        self._model.check_name(asked.model or self._model.names[0])
        self._model.check_ids("tokens", asked.tokens)
        text = await asyncio.to_thread(self._model.text_tokenizer.decode, asked.tokens, False)
        return JSONResponse({"prompt": text})

    async def _tokens(self, asked: TokenizeRequest) -> Sequence[int]:
        if asked.prompt is not None:
            return await self._model.encode(asked.prompt, asked.add_special_tokens is not False)
        text = render(self._model, asked.chat(self._model.names[0]))
        return await self._model.encode(text, bool(asked.add_special_tokens))

    def _reply(self, asked: TokenizeRequest, tokens: Sequence[int]) -> Response:
        reply: Json = {"count": len(tokens), "max_model_len": self._model.max_model_len, "tokens": tokens}
        if asked.return_token_strs:
            reply["token_strs"] = [self._model.token_text.text(token) for token in tokens]
        return JSONResponse(reply)

    def routes(self) -> list[Route]:
        return [
            Route("/tokenize", self.tokenize, methods=["POST"]),
            Route("/detokenize", self.detokenize, methods=["POST"]),
        ]
