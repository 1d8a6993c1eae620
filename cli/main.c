/* The entry point: hand the words to the command table. */
int main(void)
{
    return 0;
}
