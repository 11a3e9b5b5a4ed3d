/** Removes the folder of an engine that may not have ended yet. */
import { rm } from 'node:fs/promises';

/**
 * Removes a folder and all in it. A Redis whose worker was killed ends by itself, a moment later, and may write a file
 * into a folder that is being emptied; so what is not empty after all is emptied again, for some 6 seconds.
 */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 15, retryDelay: 50 });
}
