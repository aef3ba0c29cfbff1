// The program of `npm run picture`: writes timeline.svg anew.
import { writeFile } from 'node:fs/promises'
import { drawPicture, playStory } from './picture.ts'

await playStory() // so that the second time little has to be loaded
await writeFile(new URL('../../timeline.svg', import.meta.url), drawPicture(await playStory()))
