/** Preloaded into a program of PROVIDERS.md: the providers answer it as they are documented to. */
import { playedFetch } from './played-providers.ts'

globalThis.fetch = playedFetch
